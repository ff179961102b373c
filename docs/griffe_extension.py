"""Griffe extension for the reference: fields, shapes, functions named like files.

The description of a field is taken from where jaxgan's records have it: from a line
`name: description` of the class's docstring, whose further lines are indented, or from
the comment behind the field. Both become a section "Attributes" of the docstring.
Jaxtyping's shapes, which griffe reads as expressions, become strings again. A function
that has its file's name, such as `alternating`, comes before the file, as in Python.
"""

import dataclasses
import re
from typing import Any

import griffe

FIELD = re.compile(r"(\w+(?:, \w+)*):\s+(\S.*)")


class Reference(griffe.Extension):
    """Present jaxgan's code to mkdocstrings as its readers use it."""

    def on_class(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Move the descriptions of a class's fields to a section of its docstring."""
        del kwargs
        if "__repr__" in cls.members:
            cls.members["__repr__"].public = False
        fields = [
            name
            for name, member in cls.members.items()
            if member.is_attribute
            and member.annotation
            and "property" not in member.labels
            and not name.startswith("_")
        ]
        if not cls.docstring or not fields:
            return
        text, described = split_fields(cls.docstring.value, fields)
        rows = [f"    {n}: {described.get(n) or comment(cls, n)}" for n in fields]
        examples = text.find("\n    >>>")
        at = len(text) if examples < 0 else examples
        section = "\n".join(["\n\nAttributes:", *rows, ""])
        cls.docstring.value = text[:at].rstrip() + section + text[at:]

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        """Let names mean what the package's `__init__.py` files import by them."""
        del kwargs
        for package in [pkg, *pkg.modules.values()]:
            for name, module in list(package.modules.items()):
                if package.imports.get(name) == f"{module.path}.{name}":
                    target = module.members[name]
                    package.members[name] = griffe.Alias(name, target, parent=package)

    def on_attribute(self, *, attr: griffe.Attribute, **kwargs: Any) -> None:
        """Quote the shapes in the type of a field."""
        del kwargs
        attr.annotation = quote_shapes(attr.annotation)

    def on_function(self, *, func: griffe.Function, **kwargs: Any) -> None:
        """Quote the shapes in the types of a function."""
        del kwargs
        func.returns = quote_shapes(func.returns)
        for parameter in func.parameters:
            parameter.annotation = quote_shapes(parameter.annotation)


def split_fields(text: str, fields: list[str]) -> tuple[str, dict[str, str]]:
    """Take the descriptions of fields out of a docstring, each as one line."""
    kept: list[str] = []
    described: dict[str, str] = {}
    current: list[str] = []
    for line in text.splitlines():
        match = FIELD.match(line)
        if match and {*match[1].split(", ")} <= {*fields}:
            current = match[1].split(", ")
            described |= dict.fromkeys(current, match[2])
        elif current and line.startswith(" "):
            described |= {name: f"{described[name]} {line.strip()}" for name in current}
        else:
            current = []
            kept.append(line)
    return "\n".join(kept), described


def comment(cls: griffe.Class, name: str) -> str:
    """Return the comment behind a field, without its mark."""
    found = re.search(r"  # (.*)", "\n".join(cls.members[name].lines))
    return found[1] if found and "type: ignore" not in found[1] else ""


def quote_shapes(expression: Any) -> Any:
    """Return a type with every shape, as in `Float[Array, 'b *patch']`, in quotes."""
    if isinstance(expression, list):
        return [quote_shapes(each) for each in expression]
    if not isinstance(expression, griffe.Expr):
        return expression
    inner = {
        field.name: quote_shapes(getattr(expression, field.name))
        for field in dataclasses.fields(expression)
        if isinstance(getattr(expression, field.name), list | griffe.Expr)
    }
    if (
        isinstance(expression, griffe.ExprSubscript)
        and expression.canonical_path.startswith("jaxtyping.")
        and isinstance(expression.slice, griffe.ExprTuple)
    ):
        array, shape = expression.slice.elements
        if isinstance(shape, griffe.Expr):
            shape = repr(str(shape).replace(" * ", " *"))
        inner["slice"] = dataclasses.replace(expression.slice, elements=[array, shape])
    return dataclasses.replace(expression, **inner)
