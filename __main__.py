"""Settings, the site's footprint, its exports: nothing is decided here."""

from __future__ import annotations

import pulumi

from components import sites

footprint = sites.declare()
for name, value in footprint.exports.items():
    pulumi.export(name, value)
