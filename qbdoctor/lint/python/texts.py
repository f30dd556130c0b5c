"""Reads what an expression's text is in Python, as far as the file shows it: names, constants, f-strings, helpers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from qbdoctor.lint.facts.program import DEFAULT, ENCODED, HOLE
from qbdoctor.values import field, slotted

_ENCODERS = frozenset(("quote", "quote_plus", "urlencode", "url_quote", "urlquote"))
_SAME = frozenset(
    (
        "strip",
        "rstrip",
        "lstrip",
        "lower",
        "upper",
        "encode",
        "decode",
        "geturl",
        "removesuffix",
        "removeprefix",
        "replace",
        "__str__",
    )
)
LEAVES = frozenset(("ctx", "op"))
"""Fields whose nodes hold nothing."""
_DEEPEST = 12
_LONGEST = 4000

Env = Mapping[str, "ast.expr | None"]


@slotted
class Module:
    """A parsed file: its imports by alias, its functions by name, its constants by name or ``self.name``."""

    lines: list[str]
    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    values: dict[str, ast.expr | None] = field(default_factory=dict)

    def dotted(self, node: ast.AST) -> str:
        """Return the full name of what an expression names, imports followed: ``aiohttp.ClientSession``; "" for no name."""
        name = path(node)
        if not name:
            return ""
        head, dot, rest = name.partition(".")
        return f"{self.imports.get(head, head)}{dot}{rest}"


def path(node: ast.AST) -> str:
    """``self.session`` for a chain of names, else ""."""
    if type(node) is ast.Name:
        return node.id
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if parts and isinstance(node, ast.Name) else ""


def survey(tree: ast.Module, lines: list[str]) -> Module:
    """Collect what can be named from anywhere in the file."""
    module = Module(lines)
    for node in statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                module.imports[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module.imports[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            module.functions[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                name = path(target)
                if "." in name:  # two values for one name: neither is known
                    module.values[name] = None if name in module.values else node.value
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    module.values[target.id] = node.value
    return module


def statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """Every statement of a tree, at any depth, without looking into expressions."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.stmt):
            yield node
        for name in ("finalbody", "orelse", "handlers", "cases", "body"):
            inner = getattr(node, name, None)
            if isinstance(inner, list):
                stack.extend(reversed(inner))


def nodes(root: ast.AST) -> Iterator[ast.AST]:
    """Every node of a tree in the order of :func:`ast.walk`, at half of its cost; operators and contexts are left out."""
    found = [root]
    for node in found:
        yield node
        for name in node._fields:
            child = getattr(node, name, None)
            if type(child) is list:
                found += [each for each in child if isinstance(each, ast.AST)]
            elif isinstance(child, ast.AST) and name not in LEAVES:
                found.append(child)


class Folder:
    """Folds expressions to texts. ``env`` holds a function's own names: an expression, or None where it is not known."""

    def __init__(self, module: Module) -> None:
        self.module = module

    def fold(self, node: ast.AST | None, env: Env, depth: int = 0) -> str:
        """Return the text of an expression, holes where it is not known."""
        if node is None or depth > _DEEPEST:
            return HOLE
        text = self._fold(node, env, depth + 1)
        return text[:_LONGEST]

    def _fold(self, node: ast.AST, env: Env, depth: int) -> str:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, bytes):
                return node.value.decode("utf-8", "replace")
            return str(node.value) if isinstance(node.value, str | int | float) else HOLE
        if isinstance(node, ast.JoinedStr):
            return "".join(self.fold(part, env, depth) for part in node.values)
        if isinstance(node, ast.FormattedValue | ast.Await | ast.Starred):
            return self.fold(node.value, env, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self.fold(node.left, env, depth) + self.fold(node.right, env, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):  # yarl.URL(...) / "api", and paths
            return self.fold(node.left, env, depth).rstrip("/") + "/" + self.fold(node.right, env, depth)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            return _percent(self.fold(node.left, env, depth), self._values(node.right, env, depth))
        if isinstance(node, ast.Name | ast.Attribute):
            return self._name(node, env, depth)
        if isinstance(node, ast.Call):
            return self._call(node, env, depth)
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):  # os.getenv("X") or "http://..."
            return DEFAULT + self.fold(node.values[-1], env, depth)
        return HOLE

    def _values(self, node: ast.expr, env: Env, depth: int) -> list[str]:
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        return [self.fold(part, env, depth) for part in parts]

    def _name(self, node: ast.Name | ast.Attribute, env: Env, depth: int) -> str:
        name = path(node)
        if name in env:
            found = env[name]
        elif name in self.module.values and name:
            found = self.module.values[name]
            env = {}
        else:
            return HOLE
        return HOLE if found is None else self.fold(found, env, depth)

    def _call(self, node: ast.Call, env: Env, depth: int) -> str:
        func = node.func
        name = func.attr if isinstance(func, ast.Attribute) else func.id if isinstance(func, ast.Name) else ""
        if name in _ENCODERS:
            return ENCODED
        if name == "default_of" and node.args:  # see Reader: a parameter's default
            return DEFAULT + self.fold(node.args[0], env, depth)
        if name in {"getenv", "get"} and len(node.args) == 2:
            return DEFAULT + self.fold(node.args[1], env, depth)
        if isinstance(func, ast.Attribute):
            if name == "format":
                return _braces(self.fold(func.value, env, depth))
            if name in _SAME:
                return self.fold(func.value, env, depth)
            if name == "join" and len(node.args) == 1 and isinstance(node.args[0], ast.List | ast.Tuple):
                joint = self.fold(func.value, env, depth)
                return joint.join(self.fold(part, env, depth) for part in node.args[0].elts)
        if name == "urljoin" and len(node.args) == 2:
            return self.fold(node.args[0], env, depth) + "/" + self.fold(node.args[1], env, depth).lstrip("/")
        if name in {"str", "URL"} and len(node.args) == 1:
            return self.fold(node.args[0], env, depth)
        known = self.module.functions.get(name)
        if known is not None:
            returned = _sole_return(known)
            made = HOLE if returned is None else self.fold(returned, _bind(known, node, self, env, depth), depth)
            if made.strip(HOLE):
                return made  # else it gives back a name, of which no more is known than of a strange function
        # An unknown function of a path, such as self._url("auth/login"), most likely puts an address before it.
        texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        return "/".join([HOLE, *texts]) if texts else HOLE


def _bind(known: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, folder: Folder, env: Env, depth: int) -> Env:
    names = [arg.arg for arg in (*known.args.posonlyargs, *known.args.args)]
    if names and names[0] in {"self", "cls"}:
        names = names[1:]
    bound: dict[str, ast.expr | None] = dict.fromkeys(names)
    for name, arg in zip(names, call.args, strict=False):
        bound[name] = ast.Constant(folder.fold(arg, env, depth))
    for keyword in call.keywords:
        if keyword.arg:
            bound[keyword.arg] = ast.Constant(folder.fold(keyword.value, env, depth))
    return bound


def _sole_return(function: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.expr | None:
    """Return what a function returns, where it has one statement that does, and that at its end."""
    last = function.body[-1] if function.body else None
    if not isinstance(last, ast.Return) or len(function.body) > 6:
        return None
    return last.value


def _percent(text: str, values: list[str]) -> str:
    for value in values:
        text = text.replace("%s", value, 1)
    return text.replace("%d", HOLE)


def _braces(text: str) -> str:
    made, level = [], 0
    for char in text:
        if char == "{":
            level += 1
            made.append(HOLE)
        elif char == "}":
            level -= 1
        elif level <= 0:
            made.append(char)
    return "".join(made)
