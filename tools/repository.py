"""Write the course's public address into the one place that holds it, and into everything derived from that.

    python tools/repository.py owner/name    sets the address
    python tools/repository.py               keeps it, or takes it from a github.com origin
    python tools/repository.py none          takes it away

The one place is pyproject.toml, [project.urls]. Derived: badges and install cells of the notebooks, badges of
README.md, the buttons of the book (_config.yml), and CITATION.cff. Without an address there are none.
"""

import argparse
import json
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
BADGES = re.compile(r"<!-- badges -->.*?<!-- /badges -->", re.S)
CONFIG = re.compile(r"(# written by `make repository`\n).*?(# end of what `make repository` writes\n)", re.S)
URLS = re.compile(r'\n\[project\.urls\]\nRepository = ".*"\n')

SETUP = """\
try:
    from tutorial_utils import notebook
except ImportError as error:
    raise ImportError(
        "tutorial_utils is not installed: run `make lab` in the course's folder"
    ) from error
{setup}"""

# Colab has torch and numpy: pip may add what is missing, but has to leave these two alone.
SETUP_WITH_INSTALL = """\
try:
    from tutorial_utils import notebook
except ImportError:
    from importlib import metadata, util
    from pathlib import Path

    kept = [name for name in ("torch", "numpy") if util.find_spec(name)]
    kept = [f"{{name}}=={{metadata.version(name)}}" for name in kept]
    Path("kept.txt").write_text("\\n".join(kept))
    %pip install --quiet --constraint kept.txt \\
        "tutorial-utils[md,dft] @ git+{url}"
    from tutorial_utils import notebook
{setup}"""


def address() -> str | None:
    """Return the address that is set, as owner/name, or None."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    url = project.get("urls", {}).get("Repository")
    return url.removeprefix("https://github.com/") if url else None


def origin() -> str | None:
    """Return owner/name of git's origin, if that is on github.com."""
    command = ["git", "-C", str(ROOT), "remote", "get-url", "origin"]
    url = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    found = re.fullmatch(r"(?:https://|git@|ssh://git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?", url)
    return found[1] if found else None


def colab(name: str, page: str) -> str:
    """Return the address that opens a notebook in Colab."""
    return f"https://colab.research.google.com/github/{name}/blob/main/{page}"


def binder(name: str, page: str) -> str:
    """Return the address that opens a notebook in Binder."""
    return f"https://mybinder.org/v2/gh/{name}/main?labpath={page.replace('/', '%2F')}"


def readme(text: str, name: str | None) -> str:
    """Return README.md with the badges of the first session, or none."""
    page, badges = "notebooks/01_symmetry.ipynb", ""
    if name:
        in_colab = "![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)"
        in_binder = "![Open in Binder](https://mybinder.org/badge_logo.svg)"
        badges = f"\n[{in_colab}]({colab(name, page)})\n[{in_binder}]({binder(name, page)})\n"
    return BADGES.sub(f"<!-- badges -->{badges}<!-- /badges -->", text)


def config(text: str, name: str | None) -> str:
    """Return _config.yml with the buttons of the book, or none."""
    buttons = ["launch_buttons:", "  thebe: false"]
    if name:
        buttons += ["  colab_url: https://colab.research.google.com", "  binderhub_url: https://mybinder.org"]
    place = ["repository:", f'  url: "{f"https://github.com/{name}" if name else ""}"', "  branch: main", ""]
    block = "\n".join(buttons + place)
    leads = "true" if name else "false"
    text = re.sub(r"(use_(?:repository|issues|edit_page)_button): \w+", rf"\1: {leads}", text)
    return CONFIG.sub(lambda found: found[1] + block + found[2], text)


def citation(text: str, name: str | None) -> str:
    """Return CITATION.cff with the address, or without."""
    kept = [line for line in text.splitlines() if not line.startswith("repository-code:")]
    added = [f'repository-code: "https://github.com/{name}"'] if name else []
    return "\n".join([*kept, *added, ""])


def project(text: str, name: str | None) -> str:
    """Return pyproject.toml with the address in its one place."""
    text = URLS.sub("", text)
    section = f'\n[project.urls]\nRepository = "https://github.com/{name}"\n' if name else ""
    return text.replace("\n[project.scripts]\n", f"{section}\n[project.scripts]\n")


def notebook(text: str, name: str | None, page: str) -> str:
    """Return a notebook with its badges and its install cell.

    The badges are links in words: the page of the book asks for nothing from outside.
    """
    content = json.loads(text)
    links = f"[Open in Colab]({colab(name, page)}) · [Open in Binder]({binder(name, page)})" if name else ""
    for cell in content["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = BADGES.sub(f"<!-- badges -->{links}<!-- /badges -->", source)
        elif "setup" in cell["metadata"].get("tags", []):
            setup = source.splitlines()[-1]  # the one line that differs from page to page
            cell_text = SETUP_WITH_INSTALL if name else SETUP
            source = cell_text.format(setup=setup, url=f"https://github.com/{name}")
        cell["source"] = source.splitlines(keepends=True)
    if content == json.loads(text):
        return text
    return json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def derived(name: str | None) -> dict[Path, str]:
    """Return what each file that depends on the address has to hold."""
    texts = {
        ROOT / file: derive((ROOT / file).read_text(encoding="utf-8"), name)
        for file, derive in {"README.md": readme, "_config.yml": config, "CITATION.cff": citation}.items()
    }
    for path in sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("book/*.ipynb")]):
        page = path.relative_to(ROOT).as_posix()
        texts[path] = notebook(path.read_text(encoding="utf-8"), name, page)
    return texts


def main() -> None:
    """Set the address, take the one there is or take it away, and write everything that is derived."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", nargs="?", help="owner/name of the course on github.com, or none")
    name = parser.parse_args().address or address() or origin()
    if name == "none":
        name = None
    elif name is None or not re.fullmatch(r"[\w.-]+/[\w.-]+", name):
        raise SystemExit("Which repository? Type: make repository REPOSITORY=owner/name (as on github.com)")
    settings = ROOT / "pyproject.toml"
    settings.write_text(project(settings.read_text(encoding="utf-8"), name), encoding="utf-8")
    for path, text in derived(name).items():
        path.write_text(text, encoding="utf-8")
    now = f"The course's address is https://github.com/{name}" if name else "The course has no public address"
    print(f"{now}; read the change with git diff, then commit it.")


if __name__ == "__main__":
    main()
