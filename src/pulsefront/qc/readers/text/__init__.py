"""Texts as files really hold them: cells, numbers, words, dates, XML."""
