"""Lists the comparisons: two exchanges that differ in one factor. They are the only source of "proven".

Each maker gets the inspection and returns what it made, the most telling one last; an empty result means that the
comparison cannot be made here. None costs a login, changes a setting or sends anything outside the target; what a
request leaves in the server's log is said in ``notes``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qbdoctor.observe.comparisons import bypass, cookies, fetch_site, host_header, origin, reaching, routes, two_ways
from qbdoctor.values import replace

if TYPE_CHECKING:
    from qbdoctor.model.exchanges import Comparison
    from qbdoctor.observe.base.inspection import Inspection

MAKERS = {
    **reaching.MAKERS,
    **host_header.MAKERS,
    **bypass.MAKERS,
    **cookies.MAKERS,
    **origin.MAKERS,
    **fetch_site.MAKERS,
    **routes.MAKERS,
    **two_ways.MAKERS,
}


def make(name: str, inspection: Inspection) -> tuple[Comparison, ...]:
    """Make the comparison of that name. Raises :class:`KeyError` for a name that no maker has.

    One of which a side came too late shows no difference.
    """
    made = MAKERS[name](inspection)
    return tuple(replace(one, differs=False) if one.a.too_late or one.b.too_late else one for one in made)
