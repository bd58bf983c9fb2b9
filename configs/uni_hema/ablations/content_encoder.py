# The paper's k: content queries are the selected encoder tokens.
_base_ = '../detector.py'
work_dir = 'work_dirs/uni_hema/content_encoder'

model = dict(content_query='encoder')
