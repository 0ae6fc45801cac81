"""Reading a guide: what is typed, what is shown, what is done by hand."""

from __future__ import annotations

import pytest
from guide import agrees, read

TEXT = """\
# A guide

```console
$ one
$ two \\
> more
it prints
...
```

<!-- ends with exit code 3 -->
```console
$ three
```

```{code-block} console
:class: by-hand
$ four
```

```{code-block} console
:class: on-a-hub
$ five
```

```python
$ no command
```
"""


def test_commands_are_read_in_order():
    found = read(TEXT)
    assert [(one.text, one.line, one.prints, one.code) for one in found.typed] == [
        ("one", 4, None, 0),
        ("two \\\nmore", 5, ["it prints", "..."], 0),
        ("three", 13, None, 3),
    ]
    assert found.by_hand == ["four"]
    assert [(one.text, one.line) for one in found.on_a_hub] == [("five", 23)]


@pytest.mark.parametrize("block", ["```console\nno command\n```", "```{code-block} console\n$ one\n```"])
def test_a_block_that_is_neither_is_refused(block):
    with pytest.raises(ValueError, match="line 2"):
        read(block)


def test_what_is_shown_is_compared():
    assert agrees(["graded 3 in ... s"], "graded 3 in 1.2 s\n")
    assert agrees(["a", "...", "z"], "a\nb\nc\nz  \n")
    assert not agrees(["graded 3 in ... s"], "graded 4 in 1.2 s\n")
    assert not agrees(["a"], "a\nb\n")
