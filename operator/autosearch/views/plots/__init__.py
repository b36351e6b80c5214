"""The plots of the report, one file each: a search goes in, a plotly figure as plain data comes out.

Owns: what is drawn. Colours are names (`$best`, `$scale:0.4`) that the page resolves for light and dark; every text
that a user could have written is escaped here, because plotly reads a little HTML in its labels.
"""
