"""The style sheet of the site."""

from entrypoints.site.assets import STYLE, assets, dense, encoded

MOST_BYTES = 12_000


def test_the_style_sheet_is_small() -> None:
    style = assets().files[STYLE].content
    assert len(encoded(style, "br")) < MOST_BYTES


def test_comments_and_spaces_that_mean_nothing_are_left_out() -> None:
    style = """
/* A comment
   of two lines. */
.a > .b :focus, .c :is(d, e) {
  margin: 0 calc(1rem + 2px);
}
"""
    assert dense(style).strip() == ".a > .b :focus,.c :is(d,e){margin:0 calc(1rem + 2px);}"
