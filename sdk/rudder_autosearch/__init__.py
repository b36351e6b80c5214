"""The import path that scripts of the published contract use."""
