"""What a Flower outside of Genesis' own environment must know of its Celery: `celery --config=genesis_flower flower`.

Inside of it, `celery -A genesis flower` reads `celeryconfig.py`, which says the same and more. Flower's own options are in
`flowerconfig.py` beside this file.
"""

import os

broker_url = os.environ["CELERY_BROKER_URL"]
broker_connection_retry_on_startup = True
# The names of all keys on the broker begin like this; without it Flower would listen to nobody.
broker_transport_options = {"global_keyprefix": f"{os.environ.get('GENESIS_REDIS__PREFIX', 'genesis')}:celery:"}
accept_content = ["json"]
