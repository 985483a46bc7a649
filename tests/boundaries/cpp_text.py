"""Just enough of C++'s lexical rules to search code: blanks out comments and the contents of literals."""
import re

_RAW = re.compile(r'R"([^()\\\s]{0,16})\(')


def blank(text, keep_strings=False):
    """Returns the text with comments (and string contents) replaced by spaces, line breaks kept."""
    out = list(text)

    def erase(begin, end):
        for k in range(begin, min(end, len(out))):
            if out[k] != "\n":
                out[k] = " "

    i, n = 0, len(text)
    while i < n:
        if text.startswith("//", i):
            end = text.find("\n", i)
            end = n if end < 0 else end
            erase(i, end)
        elif text.startswith("/*", i):
            end = text.find("*/", i + 2)
            end = n if end < 0 else end + 2
            erase(i, end)
        elif (raw := _RAW.match(text, i)) and not (i and (text[i - 1].isalnum() or text[i - 1] == "_")):
            closing = ")" + raw.group(1) + '"'
            end = text.find(closing, raw.end())
            end = n if end < 0 else end + len(closing)
            if not keep_strings:
                erase(raw.end(), end - len(closing))
        elif text[i] == '"' or (text[i] == "'" and not (i and text[i - 1].isalnum())):  # 1'000 is a number
            quote, end = text[i], i + 1
            while end < n and text[end] != quote and text[end] != "\n":
                end += 2 if text[end] == "\\" else 1
            end = min(end + 1, n)
            if not keep_strings:
                erase(i + 1, end - 1)
        else:
            i += 1
            continue
        i = end
    return "".join(out)


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
