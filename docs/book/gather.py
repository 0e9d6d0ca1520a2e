"""Lays out the sources of the book: gather.py DIRECTORY, from the root of the repository.

The pages that SUMMARY.md names keep their places, so that links between them hold; what else they link to is put beside
them. A link that leads nowhere is told, and is an error.
"""

import os
import re
import shutil
import sys
from pathlib import Path

SUMMARY = Path("docs/book/SUMMARY.md")
LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    """A page without its blocks of code: what looks like a link or a heading in there is none."""
    return FENCE.sub("", page.read_text())


def headings(page: Path) -> set[str]:
    """The names that headings have in links, as GitHub and mdBook make them."""
    titles = re.findall(r"^#+ (.*)$", text_of(page), re.MULTILINE)
    words = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).lower() for title in titles]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in words}


def target_of(page: Path, link: str) -> Path:
    """The file that a page's link leads to, from here."""
    path = link.partition("#")[0]
    return Path(os.path.normpath(page.parent / path)) if path else page


def links(page: Path) -> list[str]:
    """A page's links to files."""
    return [link for link in LINK.findall(text_of(page)) if not re.match(r"[a-z]+:", link)]


def trouble(page: Path, link: str, pages: list[Path]) -> str | None:
    """Why a link leads nowhere, if it does."""
    target, heading = target_of(page, link), link.partition("#")[2]
    if not target.exists():
        return "there is no such file"
    if target.suffix == ".md" and target not in pages:
        return f"{SUMMARY} does not name it"
    if heading and heading not in headings(target):
        return "there is no such heading"
    return None


def put(file: Path, out: Path) -> None:
    """Puts a file where it is in the repository."""
    (out / file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, out / file)


def main(out: Path) -> None:
    pages = [target_of(SUMMARY, link) for link in links(SUMMARY)]
    wrong = []
    for page in pages:
        put(page, out)
        for link in links(page):
            target = target_of(page, link)
            if why := trouble(page, link, pages):
                wrong.append(f"{page}: {link}: {why}")
            elif target.is_file() and target.suffix != ".md":
                put(target, out)
    if wrong:
        sys.exit("\n".join(wrong))
    summary = LINK.sub(lambda link: f"]({target_of(SUMMARY, link[1])})", SUMMARY.read_text())
    (out / "SUMMARY.md").write_text(summary)


main(Path(sys.argv[1]))
