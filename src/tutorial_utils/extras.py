"""Libraries that not everybody needs: a module that lacks one says which extra brings it."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Report a library that is missing in the block with the line that installs it.

    ``with extra("dft"): import pyscf``

    Args:
        name: the extra of pyproject.toml that brings the libraries.

    Raises:
        ModuleNotFoundError: naming the library and the line to type.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed; type: pip install 'tutorial-utils[{name}]'", name=error.name
        ) from error
