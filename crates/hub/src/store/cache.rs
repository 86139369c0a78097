//! Answers that hold until the next commit.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// Answers, each with the generation of the database it was read at; it holds at that generation alone.
pub(crate) struct Cache<K, V> {
    answers: Mutex<Answers<K, V>>,
    most: usize,
}

struct Answers<K, V> {
    known: HashMap<K, Answer<V>>,
    weight: usize,
}

struct Answer<V> {
    generation: u64,
    weight: usize,
    answer: V,
}

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    /// Keeps answers up to this weight in all; one more, and all others are forgotten.
    pub(crate) fn new(most: usize) -> Self {
        Self { answers: Mutex::new(Answers { known: HashMap::new(), weight: 0 }), most }
    }

    /// Returns an answer that was read at this very generation.
    pub(crate) fn get(&self, question: &K, generation: u64) -> Option<V> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers.known.get(question)?;
        (known.generation == generation).then(|| known.answer.clone())
    }

    /// Keeps an answer, unless it alone is too heavy. The generation is that of BEFORE it was read, so that a change
    /// in between makes it worthless.
    pub(crate) fn put(&self, question: K, generation: u64, answer: V, weight: usize) {
        if weight > self.most {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = answers.known.remove(&question) {
            answers.weight -= old.weight;
        }
        if answers.weight + weight > self.most {
            *answers = Answers { known: HashMap::new(), weight: 0 };
        }
        answers.weight += weight;
        answers.known.insert(question, Answer { generation, weight, answer });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_at_its_generation_alone() {
        let cache = Cache::new(2);
        cache.put("lists", 7, 1, 1);
        assert_eq!(cache.get(&"lists", 7), Some(1));
        assert_eq!(cache.get(&"lists", 8), None);
    }

    #[test]
    fn it_never_grows_beyond_its_limit() {
        let cache = Cache::new(10);
        for question in 0..100 {
            cache.put(question, 1, question, 4);
            assert_eq!(cache.get(&question, 1), Some(question));
            assert!(cache.answers.lock().unwrap().known.len() <= 2);
        }
        cache.put(100, 1, 100, 11);
        assert_eq!(cache.get(&100, 1), None);
    }

    #[test]
    fn a_newer_answer_takes_the_place_of_the_older() {
        let cache = Cache::new(10);
        for generation in 0..100 {
            cache.put("lists", generation, generation, 6);
        }
        cache.put("callers", 99, 5, 4);
        assert_eq!((cache.get(&"lists", 99), cache.get(&"callers", 99)), (Some(99), Some(5)));
    }
}
