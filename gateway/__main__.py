"""`python -m gateway` is `leadwire`."""

from gateway.cli import main

if __name__ == "__main__":
    main()
