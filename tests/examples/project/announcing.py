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
        self.publisher.publish(Message(body=text.encode(), exchange="announcements"))
