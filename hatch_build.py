"""Set the metadata of the package that depend on the address of the repository.

A package index shows README.md alone, where relative links lead nowhere. Once
`[project.urls]` in pyproject.toml has an address, the long description has absolute
links and images in their place. Without an address it is README.md as it is.
"""

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

CODE = "```.*?```|`[^`]*`"
RELATIVE = r"(?P<image>!?)(?P<link>\[[^]]*\]\()(?![a-z]+:|#)"
CODE_OR_RELATIVE = re.compile(f"{CODE}|{RELATIVE}", re.DOTALL)


class ReadmeHook(MetadataHookInterface):
    """The long description, and the addresses that are not empty."""

    def update(self, metadata: dict) -> None:
        """Set `readme` and `urls` of the project's metadata."""
        urls = {name: url for name, url in metadata["urls"].items() if url}
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        if "Repository" in urls:
            text = with_absolute_links(text, urls["Repository"])
        metadata["urls"] = urls
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_absolute_links(markdown: str, repository: str) -> str:
    """Make the relative links and images of a Markdown text absolute.

    Links lead to the pages of files, images to their content. Links within the text,
    absolute ones, and code stay as they are.
    """

    def absolute(found: re.Match) -> str:
        if not found["link"]:
            return found[0]
        kind = "raw" if found["image"] else "blob"
        return f"{found[0]}{repository.rstrip('/')}/{kind}/main/"

    return CODE_OR_RELATIVE.sub(absolute, markdown)
