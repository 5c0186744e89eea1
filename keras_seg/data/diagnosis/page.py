"""A diagnosis as one HTML file."""

import base64
import io
from typing import Any

import jinja2

from keras_seg.data.diagnosis.finding import SEVERITIES
from keras_seg.data.diagnosis.picture import Picture

_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Diagnosis of {{ path }}</title>
<style>
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f23; background: #fff; max-width: 60rem; margin: 0 auto;
  padding: 1rem; overflow-wrap: anywhere; }
article { border: 1px solid #d0d7de; border-left: .4rem solid; border-radius: .3rem; padding: .2rem 1rem;
  margin: 1rem 0; }
h3 { margin: .4rem 0; font-size: 1rem; } p { margin: .4rem 0; } .soft { color: #57606a; }
article.error { border-left-color: #b42318; } .error h3 { color: #b42318; }
article.warning { border-left-color: #8a5a00; } .warning h3 { color: #8a5a00; }
article.note { border-left-color: #1f5fa8; } .note h3 { color: #1f5fa8; }
img { max-width: 100%; height: auto; background: #fff; } table { border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #d0d7de; }
th { font-weight: normal; }
@media (prefers-color-scheme: dark) {
  body { color: #e6edf3; background: #0d1117; } .soft { color: #9da7b1; }
  article, th, td { border-color: #30363d; }
  article.error { border-left-color: #ff8a80; } .error h3 { color: #ff8a80; }
  article.warning { border-left-color: #f0b849; } .warning h3 { color: #f0b849; }
  article.note { border-left-color: #7db8ff; } .note h3 { color: #7db8ff; }
}
</style>
</head>
<body>
<main>
<h1>Diagnosis of {{ path }}</h1>
<p>{% for severity in severities %}{{ counts[severity] }} {{ severity }}{{ "" if counts[severity] == 1 else "s" }}\
{{ "" if loop.last else ", " }}{% endfor %}.</p>
<h2>Findings</h2>
{% for finding in findings %}
<article class="{{ finding.severity }}">
<h3>{{ finding.severity }}: {{ finding.code }}</h3>
<p>{{ finding.message }}</p>
{% if finding.examples %}<p class="soft">For example {{ finding.examples | join(", ") }}</p>{% endif %}
<p>{{ finding.fix }}</p>
{% if finding.repairable %}<p class="soft">Can be repaired in a copy.</p>{% endif %}
</article>
{% else %}
<p>Nothing was found.</p>
{% endfor %}
{% if picture %}
<h2>Images with their masks</h2>
<img src="data:image/png;base64,{{ picture }}" alt="{{ shown | length }} images with the classes of their masks over \
them in color: {{ shown | join(", ") }}">
{% endif %}
<h2>Facts</h2>
<table>
{% for name, value in facts.items() %}
<tr><th scope="row">{{ name | replace("_", " ") }}</th><td>\
{% if value is mapping %}{% for key, item in value.items() %}{{ key }}: {{ "%.2f%%" | format(100 * item) \
if item is float else item }}{{ "" if loop.last else ", " }}{% endfor %}{% else %}{{ value }}{% endif %}</td></tr>
{% endfor %}
</table>
</main>
</body>
</html>
"""


def page(content: dict[str, Any], picture: Picture | None) -> str:
    """The page: `content` is that of `Diagnosis.to_dict`."""
    encoded = ""
    if picture is not None:
        file = io.BytesIO()
        picture.image.save(file, format="PNG")
        encoded = base64.b64encode(file.getvalue()).decode()
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(_TEMPLATE).render(
        **content,
        severities=SEVERITIES,
        counts={name: sum(found["severity"] == name for found in content["findings"]) for name in SEVERITIES},
        picture=encoded,
        shown=() if picture is None else picture.files,
    )
