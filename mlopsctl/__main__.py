"""`python -m mlopsctl`, for where the script isn't on the PATH."""

from mlopsctl.cli.main import main

if __name__ == "__main__":
    main()
