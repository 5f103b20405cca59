"""How the body of a request with files is taken in: onto the disk, and no more of it than any purpose takes."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import TemporaryFileUploadHandler

from apps.core.uploads.kinds import MOST_BYTES

# Beyond what is kept, the rest is read and dropped, so that the sender hears why; up to here.
PATIENCE = 5 * MOST_BYTES


class BoundedUploadHandler(TemporaryFileUploadHandler):
    """Keeps at most one byte more than any purpose takes, over all files of a request, and counts the rest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        room = MOST_BYTES + 1 - self.received
        self.received += len(raw_data)
        if self.received > PATIENCE:
            raise RequestDataTooBig("The request body is larger than anything that is taken here.")
        if room > 0:
            self.file.write(raw_data[:room])
