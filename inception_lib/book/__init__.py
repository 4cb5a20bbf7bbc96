"""What only the book needs: figures, widgets, quizzes, exercises, and the results that it shows.

It stands on everything else in the library, and nothing else stands on it but the commands' `--record`.
"""
