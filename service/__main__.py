"""`attune`, and `python -m service`: the command line with every command on it."""

import sys

from service.cli.app import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
