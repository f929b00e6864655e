"""Where the command begins, as a script on the PATH and as `python -m mlopsctl`."""

import gc
from typing import NoReturn


def start() -> NoReturn:
    """Run the command line and exit."""
    # What is loaded here stays until the end: looking through it for garbage takes milliseconds and finds none.
    gc.disable()
    from mlopsctl.cli.main import main

    gc.freeze()
    gc.enable()
    main()


if __name__ == "__main__":
    start()
