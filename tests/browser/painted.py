"""Looking at pixels: is something drawn, and did it change?"""

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Locator

Picture = np.ndarray  # (height, width, 3), 0 to 255


def picture(place: Locator) -> Picture:
    """Return what the screen shows in the place of an element."""
    place.scroll_into_view_if_needed()
    png = place.screenshot(animations="disabled")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)


def differing(seen: Picture) -> float:
    """Return the share of pixels that differ clearly from the most common colour."""
    flat = seen.reshape(-1, 3)
    codes = flat @ [65536, 256, 1]
    values, counts = np.unique(codes, return_counts=True)
    ground = values[counts.argmax()]
    common = np.array([ground >> 16, ground >> 8 & 255, ground & 255])
    return float((np.abs(flat - common).max(axis=1) > 24).mean())


def coloured(seen: Picture) -> float:
    """Return the share of pixels that are neither grey nor nearly so: axes and text are, data are not."""
    return float((np.ptp(seen, axis=2) > 60).mean())


def changed(before: Picture, after: Picture) -> float:
    """Return the share of pixels that changed clearly."""
    assert before.shape == after.shape
    return float((np.abs(before - after).max(axis=2) > 24).mean())
