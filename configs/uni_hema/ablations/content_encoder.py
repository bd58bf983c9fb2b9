# The paper's k: content queries are the selected encoder tokens.
_base_ = '../detector.py'

model = dict(content_query='encoder')
