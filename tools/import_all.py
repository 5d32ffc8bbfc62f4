"""Import every module of the package; one that lacks a library has to say which extra brings it.

    python tools/import_all.py

Run after a bare `pip install .`, where no extra is installed.
"""

import importlib
import pkgutil
import sys

import tutorial_utils

# Sphinx and JupyterLab call these, each in an environment of its own.
HOOKS = {"tutorial_utils.book_renderer", "tutorial_utils.lab_server"}


def failures() -> dict[str, str]:
    """Return what went wrong, by module."""
    found = {}
    for module in pkgutil.walk_packages(tutorial_utils.__path__, "tutorial_utils."):
        if module.name in HOOKS:
            continue
        try:
            importlib.import_module(module.name)
        except ImportError as error:
            if "tutorial-utils[" not in str(error):
                found[module.name] = str(error)
    return found


if __name__ == "__main__":
    bad = failures()
    print(
        "\n".join(f"{name}: {error}" for name, error in bad.items())
        or "every module imports or names its extra"
    )
    sys.exit(bool(bad))
