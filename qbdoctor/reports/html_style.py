"""Holds the page's style: light and dark by the reader's own setting, from a phone's width up, nothing loaded."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--dim:#60646c;--line:#d9d9e0;--box:#f4f4f6;--mark:#fff0c2;
--good:#18712f;--bad:#c0272d;--care:#855700;--note:#0b62c0}
@media(prefers-color-scheme:dark){:root{--bg:#111315;--fg:#edeef0;--dim:#a2a8b0;--line:#3a3f45;--box:#1b1e21;
--mark:#4d3800;--good:#4cc38a;--bad:#ff7a80;--care:#f1a10d;--note:#6cb6ff}}
*{box-sizing:border-box;min-width:0}
body{font:16px/1.5 system-ui,sans-serif;background:var(--bg);color:var(--fg);max-width:64rem;margin:0 auto;
padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.3;margin:.5rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
h3{font-size:1rem;margin:1.2rem 0 .3rem}p{margin:.5rem 0}ol,ul{padding-left:1.4rem}li{margin:.4rem 0}
code,pre,.way text{font-family:ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,monospace}code,pre{font-size:.875em}
pre{background:var(--box);padding:.6rem .8rem;margin:.4rem 0;white-space:pre-wrap;border-radius:6px}
mark{background:var(--mark);color:inherit;font-weight:600;padding:0 .15em;border-radius:3px}
.dim{color:var(--dim)}.healthy,.pass{color:var(--good)}.problem,.fail,.error{color:var(--bad)}
.unknown,.warn,.warning{color:var(--care)}.info{color:var(--note)}.skip{color:var(--dim)}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:1rem}
.pair>div{border:1px solid var(--line);border-radius:6px;padding:.2rem .8rem}
.pair h4{margin:.4rem 0;font-size:1rem}.pair ul,.checks{list-style:none;padding:0}.pair li{margin:0}
.checks li,dl{display:grid;grid-template-columns:5rem 1fr;gap:0 1rem}dl{gap:.2rem 1rem}.checks p{margin:0}
dt{color:var(--dim)}dd{margin:0}summary{cursor:pointer}details{margin:.6rem 0}
.way{display:block;max-width:100%;height:auto;margin:1rem 0}.way.down{display:none}
.way rect{fill:var(--box);stroke:var(--line);stroke-width:1.5}.way text{fill:var(--fg);font-size:12px}
.way .name{font-weight:700}.way path{fill:none;stroke:var(--dim);stroke-width:1.5}
.way .broken{stroke:var(--bad);stroke-width:2}.way .cross{stroke-width:3}
@media(max-width:44rem){.pair{grid-template-columns:1fr}.way.across{display:none}.way.down{display:block}}
"""
