//! Answers that hold until the next commit.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// Answers, each with the generation of the database it was read at; it holds at that generation alone.
pub(crate) struct Cache<K, V> {
    answers: Mutex<HashMap<K, (u64, V)>>,
    most: usize,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// Keeps up to `most` answers; one more, and all are forgotten.
    pub(crate) fn new(most: usize) -> Self {
        Self { answers: Mutex::new(HashMap::new()), most }
    }

    /// Gives an answer that was read at this very generation.
    pub(crate) fn get(&self, question: &K, generation: u64) -> Option<V> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let (read_at, answer) = answers.get(question)?;
        (*read_at == generation).then(|| answer.clone())
    }

    /// Keeps an answer. The generation is that of BEFORE it was read, so that a change in between makes it worthless.
    pub(crate) fn put(&self, question: K, generation: u64, answer: V) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= self.most {
            answers.clear();
        }
        answers.insert(question, (generation, answer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_at_its_generation_alone() {
        let cache = Cache::new(2);
        cache.put("lists", 7, 1);
        assert_eq!(cache.get(&"lists", 7), Some(1));
        assert_eq!(cache.get(&"lists", 8), None);
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let cache = Cache::new(2);
        for question in 0..5 {
            cache.put(question, 1, question);
        }
        assert_eq!(cache.answers.lock().unwrap().len(), 1);
        assert_eq!(cache.get(&4, 1), Some(4));
    }
}
