"""stable-baselines3: PPO, A2C and DQN on CartPole, saved and loaded; the mean return of a policy."""

import os
import tempfile
import warnings

warnings.simplefilter("ignore")

from report import report, summary  # noqa: E402
from stable_baselines3 import A2C, DQN, PPO  # noqa: E402
from stable_baselines3.common.evaluation import evaluate_policy  # noqa: E402

ppo = PPO("MlpPolicy", "CartPole-v1", seed=0, n_steps=256, batch_size=64, n_epochs=4, device="cpu")
ppo.learn(1024)
a2c = A2C("MlpPolicy", "CartPole-v1", seed=0, device="cpu").learn(200)
dqn = DQN("MlpPolicy", "CartPole-v1", seed=0, learning_starts=50, device="cpu").learn(200)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "ppo")
    ppo.save(path)
    again = PPO.load(path, env=ppo.get_env())
mean, _ = evaluate_policy(again, again.get_env(), n_eval_episodes=3, deterministic=True)
report(
    ppo=summary(ppo.policy.parameters()),
    a2c=summary(a2c.policy.parameters()),
    dqn=summary(dqn.policy.parameters()),
    mean_return=mean,
)
