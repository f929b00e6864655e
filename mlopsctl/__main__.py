"""Where the command begins, as a script on the PATH and as `python -m mlopsctl`."""

import gc
from typing import NoReturn

# New values until garbage is looked for. Python would look at each seven hundred. Nearly all that a thousand pipelines
# are made of stays, hardly any of it in circles, and looking took a fifth of the time.
MANY = 50_000


def start() -> NoReturn:
    """Run the command line and exit."""
    # What is loaded here stays until the end: looking through it for garbage takes milliseconds and finds none.
    gc.disable()
    from mlopsctl.cli.main import main

    gc.freeze()
    gc.enable()
    gc.set_threshold(MANY)
    main()


if __name__ == "__main__":
    start()
