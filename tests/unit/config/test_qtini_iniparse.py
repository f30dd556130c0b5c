"""The name of iniparse that is private to it and used by the grammar: an upgrade that moves it must be noticed here."""

from __future__ import annotations

import io

from iniparse import ini


def test_the_lines_of_a_file_stand_in_data_contents() -> None:
    """iniparse offers no public way to all lines in their order; 0.5 keeps them in ``_data.contents``."""
    config = ini.INIConfig(io.StringIO("; first\n[A]\nx=1\n\n[B]\ny=2\n"))
    sections = [one for one in config._data.contents if isinstance(one, ini.LineContainer)]
    assert [one.name for one in sections] == ["A", "B"]
    assert [type(one.contents[0]).__name__ for one in sections[0].contents[1:2]] == ["OptionLine"]
    assert "".join(f"{line}\n" for line in str(config._data).splitlines()) == "; first\n[A]\nx=1\n\n[B]\ny=2\n"
