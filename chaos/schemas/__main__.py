"""``python -m chaos.schemas``: write the published schemas again, after a model has changed."""

from __future__ import annotations

from chaos.schemas import FOLDER, published, rendered

for name, schema in published().items():
    (FOLDER / f"{name}.schema.json").write_text(rendered(schema), encoding="utf-8")
