"""``python -m ising_book`` is ``ising-book``."""

from ising_book.cli import main

if __name__ == "__main__":
    main()
