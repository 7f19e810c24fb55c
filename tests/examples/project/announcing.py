# announcing.py
from amqptool import BlockingPublisher, Message, Reject


class Announcer:
    def __init__(self, url):
        self.publisher = BlockingPublisher(url)

    def __call__(self, delivery):
        release = delivery.decode()
        if "version" not in release:
            raise Reject("a release has a version")
        text = f"{release['app']} {release['version']} is here"
        announcement = Message(body=text.encode(), exchange="announcements", message_id=delivery.message_id)
        self.publisher.publish(announcement)  # with its id, so that it is one however often this is tried
