"""Settings, the site's footprint, its exports: nothing is decided here."""

from __future__ import annotations

import pulumi

from components import settings
from components.image_app.footprint import Footprint

site = settings.from_pulumi()
footprint = Footprint(site)
for name, value in footprint.exports.items():
    pulumi.export(name, value)
