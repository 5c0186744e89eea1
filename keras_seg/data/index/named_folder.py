"""Folders that hold images or masks, or are named as if they did."""

import dataclasses
import pathlib
from collections.abc import Sequence

from keras_seg.data.index.file_listing import Listing, walk
from keras_seg.data.index.folder_roles import FolderRole, folder_role
from keras_seg.data.index.stem_matching import divided_by_names, match_stems


@dataclasses.dataclass(frozen=True, kw_only=True)
class NamedFolder:
    """A folder, and what its name says about its files."""

    listing: Listing
    role: FolderRole

    @property
    def path(self) -> pathlib.Path:
        """The folder."""
        return self.listing.path


def named_folders(root: pathlib.Path, mask_names: Sequence[str]) -> list[NamedFolder]:
    """The folders that hold images or masks, or are named as if they did."""
    folders = []
    for listing in walk(root):
        names = listing.path.relative_to(root).parts
        role = folder_role(names, mask_names)
        named = folder_role(names[-1:], mask_names).kind if names else None
        if listing.images or named == "masks" or (named == "images" and not listing.folders):
            folders.append(NamedFolder(listing=listing, role=role))
    return folders


def images_and_masks(folder: NamedFolder) -> tuple[list[pathlib.Path], list[pathlib.Path]] | None:
    """(images, masks) of one folder that holds both."""
    apart = divided_by_names(folder.listing.images)
    if apart is None or not match_stems(apart[0], apart[1], allow_orphans=True).pairs:
        return None
    return apart


def shown_name(root: pathlib.Path, path: pathlib.Path) -> str:
    """The name of a folder in a data folder, for a line to show."""
    return f"{path.relative_to(root)}/" if path != root else f"{root.name}/"
