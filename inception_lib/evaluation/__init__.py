"""Testing as the paper tests (section 7): many crops of an image, several networks, their average.

`plan` says what is cut out and imports no torch; `crops` cuts it; `ensemble` runs networks over data and
`store` keeps what they answer; `metrics` counts what came out.
"""
