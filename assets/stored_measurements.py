"""Measurements that the ledger keeps of renders, read without a pixel; who measures is `validated_renders.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from resources.ledger import QUERY_CHUNK
from resources.ledger_tables import measurement, product, render
from resources.project import Project

SIZES = tuple(product.c.attributes[f"{name}_cm"].as_float().label(name) for name in ("width", "depth", "height"))
"""The catalog's size of a product, as columns of a query: picked out by the database, because a product's attributes hold its texts, too."""


def size_of(row: Mapping[str, Any]) -> dict[str, float | None]:
    """The catalog's size in a row that was asked for `SIZES`; all None for a product the ledger does not know."""
    return {column.name: row[column.name] for column in SIZES}


def known_measurements(project: Project, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What was measured before by the present measurement version, by render key, compared with the brand's palette and the catalog's sizes."""
    from quality.palette import compare_with_palette
    from quality.proportions import compare_with_size

    found = dict[str, dict[str, Any]]()
    pictures = measurement.outerjoin(render, render.c.render_key == measurement.c.render_key).outerjoin(
        product, product.c.sku == render.c.sku
    )
    for start in range(0, len(keys), QUERY_CHUNK):
        mine = measurement.c.render_key.in_(keys[start : start + QUERY_CHUNK])
        query = sa.select(measurement.c.render_key, measurement.c.columns, *SIZES).select_from(pictures)
        for row in project.ledger.rows(query.where(mine, measurement.c.measurement_version == project.measurement_version)):
            found[row["render_key"]] = dict(row["columns"])
            compare_with_size(found[row["render_key"]], size_of(row))
    compare_with_palette(found.values(), project.brand_kit.palette)
    return found
