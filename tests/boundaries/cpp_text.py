"""Just enough of C++'s lexical rules to search code: blanks out comments and the contents of literals."""
import re

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))"""
    r"""|(?<!\w)R"(?P<tag>[^()\\\s]{0,16})\((?P<raw>.*?)(?:\)(?P=tag)"|\Z)"""
    r"""|"(?P<string>(?:[^"\\\n]|\\.)*)"?"""
    r"""|(?<!\w)'(?P<char>(?:[^'\\\n]|\\.)*)'?""",  # not after a digit: 1'000 is a number
    re.S)
_INK = re.compile(r"[^\n]")


def blank(text, keep_strings=False):
    """Returns the text with comments (and the contents of literals) replaced by spaces, line breaks kept."""
    def erase(token):
        kind = token.lastgroup if token.lastgroup != "tag" else "raw"
        if kind == "comment":
            return _INK.sub(" ", token.group())
        if keep_strings:
            return token.group()
        begin, end = token.start(kind) - token.start(), token.end(kind) - token.start()
        whole = token.group()
        return whole[:begin] + _INK.sub(" ", whole[begin:end]) + whole[end:]

    return _TOKEN.sub(erase, text)


def comments(text):
    """The comments alone, everything else blanked: the complement of blank()."""
    code = blank(text, keep_strings=True)
    return "".join(a if a == "\n" or b != a else " " for a, b in zip(text, code))


def includes(text):
    """Yields (line number, name, quoted) of every #include."""
    for number, line in enumerate(blank(text, keep_strings=True).split("\n"), 1):
        if found := re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line):
            yield number, found.group(2), found.group(1) == '"'


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
