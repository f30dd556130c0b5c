"""``qbdoctor explain``: a cause, check or fix in full; without an id a list of all."""

from __future__ import annotations

import argparse
import json

from qbdoctor import causes, explain, output
from qbdoctor.model import UserError
from qbdoctor.registry import checks


def run(args: argparse.Namespace) -> int:
    """Print the pages that were asked for, or the list of everything that has one."""
    if not args.ids:
        return _list(args)
    pages = [_page(name) for name in args.ids]
    if args.format == "json":
        data = [dict(page.data) for page in pages]
        output.deliver(
            json.dumps(data[0] if len(data) == 1 else data, ensure_ascii=False, indent=2) + "\n", args.output
        )
    else:
        output.deliver("\n".join(page.text() for page in pages), args.output)
    return 0


def _page(name: str) -> explain.Explanation:
    for check in checks():
        if check.id == name:
            return explain.check_page(check)
    if name in causes.ids():
        return explain.cause_page(causes.page(name))
    known = (*causes.ids(), *(check.id for check in checks()))
    near = ", ".join(explain.suggest(name, known))
    hint = f"did you mean {near}?" if near else "qbdoctor explain lists what there is."
    raise UserError("unknown-id", f"nothing is called {name!r}: {hint}")


def _list(args: argparse.Namespace) -> int:
    pages = causes.pages()
    if args.format == "json":
        data = {
            "causes": explain.list_causes_json(pages),
            "checks": [{"id": check.id, "title": check.title, "causes": list(check.causes)} for check in checks()],
        }
        output.deliver(json.dumps(data, ensure_ascii=False, indent=2) + "\n", args.output)
        return 0
    width = max(len(check.id) for check in checks())
    rows = "\n".join(f"  {check.id:<{width}}  {check.title}: {', '.join(check.causes)}" for check in checks())
    output.deliver(f"Checks\n{rows}\n\n{explain.list_causes(pages)}", args.output)
    return 0
