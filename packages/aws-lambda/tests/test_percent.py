from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from durable_aws_lambda.percent import quote_label, quote_path


@given(st.text(st.characters(codec="utf-8")))
def test_text_is_encoded_as_urllib_encodes_it(text):
    assert quote_label(text) == quote(text, safe="")
    assert quote_path(text) == quote(text, safe="/~")
