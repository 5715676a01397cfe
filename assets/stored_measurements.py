"""Measurements that the ledger keeps of renders, read without a pixel; who measures is `validated_renders.py`."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from resources.ledger import QUERY_CHUNK
from resources.ledger_tables import measurement
from resources.project import Project


def known_measurements(project: Project, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What was measured before by the present measurement version, by render key, compared with the brand's present palette."""
    from quality.palette import compare_with_palette

    found = dict[str, dict[str, Any]]()
    for start in range(0, len(keys), QUERY_CHUNK):
        mine = measurement.c.render_key.in_(keys[start : start + QUERY_CHUNK])
        query = sa.select(measurement.c.render_key, measurement.c.columns)
        rows = project.ledger.rows(query.where(mine, measurement.c.measurement_version == project.measurement_version))
        found.update({row["render_key"]: dict(row["columns"]) for row in rows})
    compare_with_palette(found.values(), project.brand_kit.palette)
    return found
