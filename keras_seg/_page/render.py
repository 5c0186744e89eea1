"""Templates filled in."""

import base64
import io
import pathlib
from typing import Any

import jinja2
from PIL import Image

_FOLDER = pathlib.Path(__file__).parent


def rendered(template: str, **content: Any) -> str:
    """The HTML of a template, which may extend `base.html`. Text is escaped; an unknown name is an error."""
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(_FOLDER),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(template).render(**content)


def data_uri(image: Image.Image, *, photo: bool = False) -> str:
    """A picture as an address that holds the picture itself: a JPEG for photos, otherwise a PNG."""
    file = io.BytesIO()
    if photo:
        image.save(file, format="JPEG", quality=85)
    else:
        image.save(file, format="PNG", optimize=True)
    kind = "jpeg" if photo else "png"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"
