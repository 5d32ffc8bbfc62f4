"""JupyterLab's local copy of 3Dmol.js: structures turn offline.

A Jupyter server extension, switched on by the configuration file that the package installs. It serves the
copy that `make lab` puts into the environment; where there is none, viewers take the public one.
"""

import sys
from pathlib import Path
from typing import Any

FOLDER = Path(sys.prefix) / "share" / "tutorial_utils"


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "tutorial_utils.lab_server"}]


def _load_jupyter_server_extension(server: Any) -> None:
    # imported here: the course itself runs without Jupyter's server
    from jupyter_server.utils import url_path_join
    from tornado.web import StaticFileHandler

    place = url_path_join(server.web_app.settings["base_url"], "tutorial_utils", r"(3Dmol-min\.js)")
    server.web_app.add_handlers(".*$", [(place, StaticFileHandler, {"path": str(FOLDER)})])
