"""``python -m unihema_mm``: the command line ``unihema`` without its script."""

import sys

from .cli.main import main

if __name__ == '__main__':
    sys.exit(main())
