"""Finds temporaries that g++ 12 destroys twice when they share a full expression with co_await.

Dangerous: a braced aggregate that owns something, and a lambda that captures by value. The compiler says
nothing and the sanitizers see it only when the line runs, so the shape of the text has to do: it may
accuse a harmless class with a constructor. Then name the value on a line of its own, which is the habit
wanted here anyway.
"""
import re

from cpp_text import blank, line_of

# Braces around these own nothing, so that a second destruction does no harm.
HARMLESS = re.compile(
    r"(?:std::)?(?:chrono::)?(?:nanoseconds|microseconds|milliseconds|seconds|minutes|hours|size_t|u?int\d*_t|"
    r"string_view|span(?:<[^<>]*>)?|Millis|TimePoint)\s*$")
OPENING, CLOSING = "([{", ")]}"


def _matching(text, start):
    depth = 0
    for i in range(start, len(text)):
        if text[i] in OPENING:
            depth += 1
        elif text[i] in CLOSING:
            depth -= 1
            if depth == 0:
                return i
    return len(text) - 1


def _is_initializer(text, brace):
    """Whether this { starts an initializer. clang-format writes a block's brace after a space."""
    before = text[:brace]
    if re.search(r"[\w>]$", before):
        return True
    return bool(re.search(r"(?:[(,=\[{?:]|\breturn|\bco_return)\s*$", before)) and not before.rstrip().endswith("::")


def _statement(text, at):
    """(begin, end) of the full expression around offset `at`; blocks and conditions bound it."""
    begin, depth, i = 0, 0, at - 1
    while i >= 0:
        c = text[i]
        if c in CLOSING:
            depth += 1
        elif c in OPENING:
            if depth == 0:
                if c == "{" and not _is_initializer(text, i):
                    begin = i + 1
                    break
                if c == "(" and re.search(r"\b(if|while|for|switch)\s*(constexpr\s*)?$", text[:i]):
                    begin = i + 1
                    break
            else:
                depth -= 1
                if c == "{" and depth == 0 and not _is_initializer(text, i):
                    begin = i + 1  # the block of a statement before this one
                    begin = _matching(text, i) + 1
                    break
        elif c == ";" and depth == 0:
            begin = i + 1
            break
        i -= 1
    end, depth = at, 0
    while end < len(text):
        c = text[end]
        if c == "{" and not _is_initializer(text, end) and not _is_lambda_body(text, end):
            break
        if c in OPENING:
            end = _matching(text, end)
        elif c == ";":
            break
        elif c in CLOSING:
            outer = text.rfind("(", 0, begin)
            if outer + 1 == begin:
                break
        end += 1
    return begin, end


def _is_lambda_body(text, brace):
    return bool(re.search(r"\]\s*(\([^()]*(\([^()]*\)[^()]*)*\))?\s*(mutable|noexcept)?\s*(->\s*[\w:<>, ]+)?\s*$",
                          text[max(0, brace - 300):brace]))


def _without_lambda_bodies(text):
    """Blanks lambda bodies: their statements are full expressions of their own."""
    out, i = list(text), 0
    while i < len(text):
        if text[i] == "{" and _is_lambda_body(text, i):
            end = _matching(text, i)
            for k in range(i + 1, end):
                if out[k] != "\n":
                    out[k] = " "
            i = end
        i += 1
    return "".join(out)


def _owning_capture(expression):
    for found in re.finditer(r"(?<![\w\])])\[([^\[\]]*)\]\s*(?=[({]|mutable|->)", expression):
        for item in filter(None, (part.strip() for part in found.group(1).split(","))):
            if item not in ("this", "&") and not item.startswith("&"):
                return found.start(), f"a lambda that captures {item} by value"
    return None


def _braced_temporary(expression, awaits):
    """An initializer with contents inside a call, or one that itself contains the co_await."""
    for found in re.finditer(r"\{", expression):
        brace = found.start()
        if not _is_initializer(expression, brace):
            continue
        inside = expression[brace + 1:_matching(expression, brace)]
        if not inside.strip() or HARMLESS.search(expression[:brace]):
            continue
        depth = sum((c in "([") - (c in ")]") for c in expression[:brace])
        holds_await = any(brace < a < brace + 1 + len(inside) for a in awaits)
        declares = re.match(r"\s*(const\s+|static\s+)*[\w:<>,*& ]+\s+\w+\s*$", expression[:brace])
        if depth > 0 or (holds_await and (not declares or "," in inside or "." in inside.lstrip()[:1])):
            return brace, "a braced temporary"
    return None


def findings(text):
    """Yields (line, what) for each suspicious full expression."""
    code = _without_preprocessor(blank(text))
    seen = set()
    for found in re.finditer(r"\bco_await\b", code):
        begin, end = _statement(code, found.start())
        if (begin, end) in seen:
            continue
        seen.add((begin, end))
        raw = code[begin:end]
        # A co_await inside a lambda's body belongs to that body's own expressions, seen separately.
        expression = _without_lambda_bodies(raw)
        awaits = [m.start() for m in re.finditer(r"\bco_await\b", expression)]
        if not awaits:
            continue
        if hit := _owning_capture(expression) or _braced_temporary(expression, awaits):
            yield line_of(code, begin + hit[0]), hit[1]


def _without_preprocessor(text):
    return re.sub(r"^[ \t]*#[^\n]*", lambda m: " " * len(m.group()), text, flags=re.M)
