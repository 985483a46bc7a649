#!/usr/bin/env python3
"""Checks the source tree against rules.py. usage: check.py ROOT   (exit code 1 when a rule is broken)"""
import os
import re
import sys

import co_await_lint
import cpp_text
import rules

OUTSIDE = ("build", "cmake", "node_modules")  # not boxes; cmake/ holds the one file that compiles Asio


class Tree:
    """The C++ files below a root, read once, and the box of each."""

    def __init__(self, root):
        self.root = root
        self.text = {}
        for folder, subfolders, files in os.walk(root):
            subfolders[:] = sorted(s for s in subfolders if not s.startswith(".") and s not in OUTSIDE)
            for name in sorted(files):
                if name.endswith((".cpp", ".hpp")):
                    path = os.path.relpath(os.path.join(folder, name), root)
                    with open(os.path.join(root, path), encoding="utf-8") as source:
                        self.text[path] = source.read()
        self.cmake = read_cmake(root)
        self.first = {folder: self._first(folder, boxes[0]) for folder, boxes in rules.SPLIT.items()}

    def _first(self, folder, box):
        """Files of a split folder that CMake puts into its first box, and the headers without a source they include."""
        stems = self.cmake.get(box, {}).get("ONLY", [])
        first = {p for p in self.text if p.startswith(folder + "/") and stem(p) in stems}
        todo = list(first)
        while todo:
            for _, name, _ in cpp_text.includes(self.text[todo.pop()]):
                header_only = name[:-4] + ".cpp" not in self.text
                if name.startswith(folder + "/") and name in self.text and header_only and name not in first:
                    first.add(name)
                    todo.append(name)
        return first

    def box(self, path):
        for below, box in rules.BELOW.items():
            if path.startswith(below):
                return box
        folder = path.split("/")[0]
        if folder in rules.SPLIT:
            return rules.SPLIT[folder][0 if path in self.first[folder] else 1]
        return folder


def stem(path):
    return os.path.basename(path).split(".")[0]


def read_cmake(root):
    """{box: {keyword: [words]}} of every understudy_box(...) call."""
    boxes = {}
    for name in ("CMakeLists.txt", "rehearsal/targets.cmake"):
        path = os.path.join(root, name)
        if not os.path.exists(path):
            continue
        with open(path, encoding="utf-8") as file:
            text = re.sub(r"#.*", "", file.read())
        for call in re.finditer(r"\bunderstudy_box\(([^)]*)\)", text):
            words = call.group(1).split()
            target, keyword, found = words[0], None, {"LINKS": [], "ONLY": [], "EXCEPT": [], "CORE": []}
            for word in words[2:]:
                if word in found:
                    keyword = word
                elif keyword:
                    found[keyword].append(word)
            found["CORE"] = "CORE" in words
            boxes[rules.TARGETS.get(target, target)] = found
    return boxes


def reachable(box):
    reached, todo = {box}, [box]
    while todo:
        for target in rules.ARROWS.get(todo.pop(), ()):
            if target not in reached:
                reached.add(target)
                todo.append(target)
    return reached


def check_arrows(tree):
    """Includes follow the arrows, and CMake links the same ones."""
    for path, text in tree.text.items():
        box = tree.box(path)
        if box == "tests":
            continue
        if box not in rules.ARROWS:
            yield f"{path}:1: {path.split('/')[0]}/ is not a box of rules.py: add it with its arrows"
            continue
        allowed = reachable(box)
        for line, name, quoted in cpp_text.includes(text):
            if not quoted:
                continue
            if name not in tree.text:
                yield f'{path}:{line}: "{name}" is not a file seen from the top folder'
            elif tree.box(name) not in allowed:
                yield (f"{path}:{line}: {box} may not include {tree.box(name)} ({name}): no arrow leads there; "
                       f"it reaches {', '.join(sorted(allowed - {box})) or 'nothing'}")
    for box, call in tree.cmake.items():
        if box not in rules.ARROWS:
            yield f"CMakeLists.txt: box {box} has no arrows in rules.py"
            continue
        linked = {rules.TARGETS.get(word, word) for word in call["LINKS"]} & set(rules.ARROWS)
        for extra in sorted(linked - reachable(box)):
            yield f"CMakeLists.txt: {box} links {extra}, an arrow that rules.py and ARCHITECTURE.md do not have"
        for missing in sorted(set(rules.ARROWS[box]) - linked):
            yield f"CMakeLists.txt: {box} does not link {missing} though rules.py draws that arrow"
        if call["CORE"] != (box in rules.CORE):
            yield f"CMakeLists.txt: {box} must {'' if box in rules.CORE else 'not '}be marked CORE"


def applies(rule, path, box):
    if rule.headers_only and not path.endswith(".hpp"):
        return False
    return not rule.where or any(path.startswith(w) if w.endswith("/") else box == w for w in rule.where)


def check_rules(tree):
    used = set()
    for path, text in tree.text.items():
        box, code, remarks = tree.box(path), cpp_text.blank(text), cpp_text.comments(text)
        for rule in rules.INCLUDES:
            if not applies(rule, path, box):
                continue
            for line, name, _ in cpp_text.includes(text):
                if re.search(rule.pattern, name):
                    if path in rule.except_in:
                        used.add((rule.name, path))
                    else:
                        yield f"{path}:{line}: [{rule.name}] includes {name}: {rule.reason}"
        for rule in rules.CALLS:
            if not applies(rule, path, box):
                continue
            for hit in rule.finds(remarks if rule.name == "left-open" else code):
                if path in rule.except_in:
                    used.add((rule.name, path))
                else:
                    line = cpp_text.line_of(text, hit.start())
                    yield f"{path}:{line}: [{rule.name}] {hit.group().strip()}: {rule.reason}"
    for rule in rules.INCLUDES + rules.CALLS:
        for path in rule.except_in:
            if (rule.name, path) not in used:
                yield f"rules.py: [{rule.name}] the exception for {path} matches nothing: remove it"


def check_files(tree):
    for path, text in tree.text.items():
        if path.endswith(".hpp") and "#pragma once" not in text:
            yield f"{path}:1: a header starts with #pragma once"
        limit = rules.MAX_TEST_LINES if path.startswith("tests/") else rules.MAX_LINES
        if (lines := text.count("\n")) > limit:
            yield f"{path}:{lines}: {lines} lines; above {limit} two ideas share a file: split it"


def check_awaits(tree):
    for path, text in tree.text.items():
        for line, what in co_await_lint.findings(text):
            yield f"{path}:{line}: [co_await] {what} beside co_await: g++ 12 destroys it twice; name it first"


def problems(root):
    tree = Tree(root)
    for check in (check_arrows, check_rules, check_files, check_awaits):
        yield from check(tree)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = list(problems(sys.argv[1]))
    for problem in found:
        print(problem)
    print(f"{len(found)} problems")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
