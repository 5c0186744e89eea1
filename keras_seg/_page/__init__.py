"""Pages of one HTML file: a style for light and dark, blocks such as tables and pictures, charts as SVG.

A page needs no network, and reads well at the width of a phone, printed, and by a screen reader.
"""
