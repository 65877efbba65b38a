"""``python -m switchbay``: the same as the ``switchbay`` command."""

from switchbay.cli.main import run

if __name__ == "__main__":
    run()
