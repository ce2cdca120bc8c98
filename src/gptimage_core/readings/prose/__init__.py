"""The English reading: the notice, the sentence of a rule, the words of a condition, a denial explained."""

from __future__ import annotations

from gptimage_core.readings.prose.explanation import (
    explanation_data,
    explanation_text,
    nearest_words,
    reason_words,
)
from gptimage_core.readings.prose.html import notice_html
from gptimage_core.readings.prose.markdown import notice_markdown
from gptimage_core.readings.prose.notice import Notice, build_notice
from gptimage_core.readings.prose.sentences import rule_sentence, written_words
from gptimage_core.readings.prose.words import condition_words, span_words

__all__ = [
    "Notice",
    "build_notice",
    "condition_words",
    "explanation_data",
    "explanation_text",
    "nearest_words",
    "notice_html",
    "notice_markdown",
    "reason_words",
    "rule_sentence",
    "span_words",
    "written_words",
]
