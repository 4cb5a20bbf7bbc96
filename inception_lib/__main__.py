"""`python -m inception_lib` is the command `inception`."""

import sys

from inception_lib.cli import main

if __name__ == "__main__":
    sys.exit(main())
