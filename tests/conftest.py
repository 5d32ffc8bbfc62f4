"""What every test starts from: double precision, and random numbers that repeat."""

import e3nn
import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

# Before anything imports the package.
install_import_hook("tutorial_utils", "shapes.checked")

# Helpers whose asserts should say what they found, as those of a test do.
pytest.register_assert_rewrite("exercise_answers", "tutorial_utils.testing")


@pytest.fixture(autouse=True, scope="session")
def double_precision():
    """Whole session: the fixtures of a module are built in double precision too."""
    torch.set_default_dtype(torch.float64)


@pytest.fixture(autouse=True)
def same_start():
    """A test may change the default dtype or e3nn's options and draw numbers; the next does not notice."""
    torch.manual_seed(0)
    options = e3nn.get_optimization_defaults()
    yield
    torch.set_default_dtype(torch.float64)
    e3nn.set_optimization_defaults(**options)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
