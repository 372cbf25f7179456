//! The contract suite over the memory back end.

#[path = "contract/mod.rs"]
mod contract;

/// What the suite needs of a back end.
mod provider {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use canon::NodeCode;

    use crate::{MemoryWorld, SharedStore};

    /// One store that may hold several identities.
    pub(super) struct Bench {
        world: MemoryWorld,
    }

    impl Bench {
        /// The handle of an identity.
        pub(super) async fn open(&self, node: &NodeCode) -> SharedStore {
            self.world.open(node).shared()
        }

        /// The same store as another connection has it.
        pub(super) async fn beside(&self) -> Self {
            Self { world: self.world.clone() }
        }

        /// What is there after every handle is gone: here, a copy that nobody else holds.
        pub(super) async fn reopen(self) -> Self {
            Self { world: self.world.fork() }
        }
    }

    /// Runs a test on an empty store. Every future is ready at first poll, and that is tested too.
    pub(super) fn run(test: impl AsyncFnOnce(Bench)) {
        let bench = Bench { world: MemoryWorld::new() };
        let future = pin!(test(bench));
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(()) => {}
            Poll::Pending => panic!("a future of the memory store was not ready at first poll"),
        }
    }
}
