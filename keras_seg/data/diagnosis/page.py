"""A diagnosis as one HTML file."""

from typing import Any

from keras_seg._page.render import data_uri, rendered
from keras_seg.data.diagnosis.finding import SEVERITIES
from keras_seg.data.diagnosis.picture import Picture

_TEMPLATE = """{% extends "base.html" %}
{% block title %}Diagnosis of {{ path }}{% endblock %}
{% block content %}
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
<img src="{{ picture }}" alt="{{ shown | length }} images with the classes of their masks over \
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
{% endblock %}
"""


def page(content: dict[str, Any], picture: Picture | None) -> str:
    """The page: `content` is that of `Diagnosis.to_dict`."""
    return rendered(
        _TEMPLATE,
        **content,
        severities=SEVERITIES,
        counts={name: sum(found["severity"] == name for found in content["findings"]) for name in SEVERITIES},
        picture="" if picture is None else data_uri(picture.image),
        shown=() if picture is None else picture.files,
    )
